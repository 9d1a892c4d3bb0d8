"""What is tried before anybody drives: the machine told, its owner asked, a remedy sent and proven."""
