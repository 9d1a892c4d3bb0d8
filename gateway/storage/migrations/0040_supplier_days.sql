-- Calendars of suppliers, as centres have them: lead times are counted in days on which a supplier works.

-- Whose public holidays and weekend a supplier keeps; without a country he is taken to keep those of the centre that he brings to.
ALTER TABLE supplier
    ADD COLUMN country text NOT NULL DEFAULT '',
    ADD COLUMN region text NOT NULL DEFAULT '',
    -- Days on which he is closed besides, as between the years.
    ADD COLUMN closed_on date[] NOT NULL DEFAULT '{}',
    ADD CONSTRAINT supplier_country_is_two_letters CHECK (country ~ '^([A-Z]{2})?$'),
    ADD CONSTRAINT supplier_region_is_of_a_country CHECK (region = '' OR country <> ''),
    ADD CONSTRAINT supplier_is_closed_on_some_days_only CHECK (cardinality(closed_on) <= 366);
