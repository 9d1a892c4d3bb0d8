"""A supplier of parts on the street: takes orders by HTTP, and tells by signed messages how they stand."""
