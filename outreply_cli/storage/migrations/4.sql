CREATE TABLE calendar_zones (
    account TEXT NOT NULL, calendar TEXT NOT NULL, file TEXT NOT NULL, zone TEXT NOT NULL,
    PRIMARY KEY (account, calendar, file)
);
