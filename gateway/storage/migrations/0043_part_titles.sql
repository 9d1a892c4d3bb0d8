-- What a part is called in further languages; where a reader's is not among them, he reads `title`.

ALTER TABLE part
    ADD COLUMN titles jsonb NOT NULL DEFAULT '{}',
    -- Which languages there are is the pages' business; a shape is enough here. Silent: what is no object has no keys.
    ADD CONSTRAINT part_titles_are_texts_by_language CHECK (
        jsonb_typeof(titles) = 'object' AND NOT jsonb_path_exists(titles,
            '$.keyvalue() ? (!(@.key like_regex "^[a-z]{2,3}$") || @.value.type() != "string" || @.value == "")',
            silent => true));
