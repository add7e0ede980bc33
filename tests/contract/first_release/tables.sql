CREATE TABLE IF NOT EXISTS images (
    image_id TEXT PRIMARY KEY,
    restaurant_id TEXT,
    state TEXT NOT NULL,
    uploaded_at TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS images_of_restaurant ON images (restaurant_id, state);
CREATE TABLE IF NOT EXISTS scores (
    image_id TEXT NOT NULL,
    content_version TEXT NOT NULL,
    model_version TEXT NOT NULL,
    scored_at TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (image_id, content_version, model_version)
) STRICT;
