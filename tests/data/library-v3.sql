-- A library of version 3. It must open for ever.
PRAGMA user_version = 3;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE videos (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    fingerprint TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL,
    duration REAL NOT NULL,
    info TEXT NOT NULL DEFAULT '{}',
    gaps TEXT NOT NULL DEFAULT '[]',
    complete INTEGER NOT NULL DEFAULT 0,
    added TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    missing TEXT,
    title TEXT,
    year INTEGER,
    language TEXT
);
CREATE TABLE paths (
    path TEXT PRIMARY KEY,
    video INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    seen TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);
CREATE INDEX paths_video ON paths (video);
CREATE TABLE stages (
    video INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
    stage TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed')),
    cursor REAL NOT NULL DEFAULT 0,
    detail TEXT NOT NULL DEFAULT '{}',
    changed TEXT NOT NULL,
    PRIMARY KEY (video, stage)
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    started TEXT NOT NULL,
    finished TEXT,
    status TEXT NOT NULL,
    settings TEXT NOT NULL DEFAULT '{}',
    detail TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE shots (
    video INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
    start REAL NOT NULL,
    "end" REAL NOT NULL,
    start_kind TEXT NOT NULL,
    PRIMARY KEY (video, start, "end")
);
CREATE TABLE clips (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    video INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
    start REAL NOT NULL,
    "end" REAL NOT NULL
);
CREATE INDEX clips_video ON clips (video, start);
CREATE TABLE evidence (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    video INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
    kind TEXT NOT NULL,
    start REAL NOT NULL,
    "end" REAL NOT NULL,
    text TEXT NOT NULL,
    confidence REAL,
    weak INTEGER NOT NULL DEFAULT 0,
    engine TEXT NOT NULL DEFAULT '',
    extra TEXT NOT NULL DEFAULT '{}',
    words TEXT NOT NULL
);
CREATE INDEX evidence_video ON evidence (video, start);
CREATE VIRTUAL TABLE evidence_fts USING fts5(
    words, content='evidence', content_rowid='id', tokenize="porter unicode61 remove_diacritics 2 categories 'L* N* M* Co'"
);
CREATE VIRTUAL TABLE evidence_terms USING fts5vocab('evidence_fts', 'row');
CREATE TRIGGER evidence_fts_insert AFTER INSERT ON evidence BEGIN
    INSERT INTO evidence_fts (rowid, words) VALUES (new.id, new.words);
END;
CREATE TRIGGER evidence_fts_delete AFTER DELETE ON evidence BEGIN
    INSERT INTO evidence_fts (evidence_fts, rowid, words) VALUES ('delete', old.id, old.words);
END;
CREATE TRIGGER evidence_fts_update AFTER UPDATE OF id, words ON evidence BEGIN
    INSERT INTO evidence_fts (evidence_fts, rowid, words) VALUES ('delete', old.id, old.words);
    INSERT INTO evidence_fts (rowid, words) VALUES (new.id, new.words);
END;
CREATE TABLE embedding_models (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    dimension INTEGER NOT NULL,
    added INTEGER NOT NULL DEFAULT 0,
    removed INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE vectors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    evidence INTEGER NOT NULL REFERENCES evidence ON DELETE CASCADE,
    model INTEGER NOT NULL REFERENCES embedding_models ON DELETE CASCADE,
    vector BLOB NOT NULL,
    UNIQUE (evidence, model)
);
CREATE INDEX vectors_model ON vectors (model, id);
CREATE TRIGGER vectors_insert AFTER INSERT ON vectors BEGIN
    UPDATE embedding_models SET added = added + 1 WHERE id = new.model;
END;
CREATE TRIGGER vectors_delete AFTER DELETE ON vectors BEGIN
    UPDATE embedding_models SET removed = removed + 1 WHERE id = old.model;
END;
CREATE TRIGGER vectors_update AFTER UPDATE ON vectors BEGIN
    UPDATE embedding_models SET removed = removed + 1, added = added + 1 WHERE id = new.model;
END;
CREATE TABLE problems (
    path TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    stage TEXT NOT NULL,
    reason TEXT NOT NULL,
    version TEXT NOT NULL,
    tries INTEGER NOT NULL,
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL
);
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    until REAL NOT NULL
);
CREATE TABLE prints (
    video INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
    kind TEXT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (video, kind)
);
CREATE TABLE actuals (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    preset TEXT NOT NULL,
    machine TEXT NOT NULL,
    video INTEGER REFERENCES videos ON DELETE SET NULL,
    stage TEXT NOT NULL,
    media_seconds REAL NOT NULL,
    wall REAL NOT NULL,
    cpu REAL NOT NULL,
    bytes INTEGER NOT NULL
);
CREATE TABLE pieces (
    video INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
    stage TEXT NOT NULL,
    part INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (video, stage, part)
);
INSERT INTO meta VALUES ('library', '233fd7b4932146c3af0800054015d698');
INSERT INTO videos VALUES (1, '0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f', '/films/Café.mp4', 61.5, '{"container":"mov,mp4","tracks":[{"index":0,"kind":"video"}]}', '[[10,12.5]]', 1, '2026-11-21T02:29:04Z', NULL, 'Café', 2019, 'fr');
INSERT INTO videos VALUES (2, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '/films/two.mkv', 20.0, '{}', '[]', 0, '2026-11-21T02:29:04Z', '2026-11-21T03:00:00.000+00:00', NULL, NULL, NULL);
INSERT INTO paths VALUES ('/films/Café.mp4', 1, 1234, 1700000000123456789, '2026-11-21T02:29:04Z');
INSERT INTO paths VALUES ('/films/two.mkv', 2, 99, 5, '2026-11-21T02:29:04Z');
INSERT INTO stages VALUES (1, 'text', 'abc', 'done', 61.5, '{"frames":62}', '2026-11-21T02:29:04.128+00:00');
INSERT INTO stages VALUES (2, 'speech', 'abc', 'running', 3.0, '{}', '2026-11-21T02:29:04.131+00:00');
INSERT INTO runs VALUES (1, '2026-11-21T02:29:04.136+00:00', '2026-11-21T02:29:04.145+00:00', 'done', '{"preset":"standard"}', '{"videos":2}');
INSERT INTO shots VALUES (1, 0.0, 30.0, 'start');
INSERT INTO shots VALUES (1, 30.0, 61.5, 'cut');
INSERT INTO clips VALUES (1, 1, 0.0, 30.0);
INSERT INTO clips VALUES (2, 1, 30.0, 61.5);
INSERT INTO evidence VALUES (1, 1, 'subtitle', 0.21, 4.26, 'This is the optical and science segment of the Webb', 1.0, 0, 'subtitles track 3', '{"language":"en","origin":"track 3"}', 'This is the optical and science segment of the Webb');
INSERT INTO evidence VALUES (2, 1, 'subtitle', 4.26, 8.35, 'space telescope in one of the largest cleanrooms in the world', 1.0, 0, 'subtitles track 3', '{"language":"en","origin":"track 3"}', 'space telescope in one of the largest cleanrooms in the world');
INSERT INTO evidence VALUES (3, 1, 'screen_text', 0.0, 61.5, 'Café “Zürich”
東京タワー', 0.93, 0, 'rapidocr 3.10.0', '{"box":[0.1,0.2,0.3,0.4],"lines":["Café “Zürich”","東京タワー"]}', 'Café “Zürich” 東 京 タ ワ ー');
INSERT INTO evidence VALUES (4, 2, 'speech', 1.0, 3.0, 'ask not what your country can do', NULL, 1, 'pocketsphinx 5.1.1', '{"words":[[1.0,1.2,"ask"]],"language":"en"}', 'ask not what your country can do');
INSERT INTO embedding_models VALUES (1, 'all-MiniLM-L6-v2 53aa5117', 4, 0, 0);
INSERT INTO vectors VALUES (1, 1, 1, X'003C000000000038');
INSERT INTO vectors VALUES (2, 2, 1, X'0000003C00000000');
INSERT INTO vectors VALUES (3, 3, 1, X'00000000003C0000');
INSERT INTO problems VALUES ('/films/broken.mp4', 7, 8, 'probe', 'the file is empty', '0.1.0', 2, '2026-11-21T02:29:04.128+00:00', '2026-11-21T03:29:04.128+00:00');
INSERT INTO leases VALUES ('0f', 'host:1:ab', 'host', 1, 1795228144.5);
INSERT INTO prints VALUES (1, 'frames', X'0102');
INSERT INTO actuals VALUES (1, '2026-11-21T02:29:04.128+00:00', 'quick', '4 cores', 1, 'scan', 61.5, 3.5, 4.25, 4096);
INSERT INTO pieces VALUES (2, 'print of sound', 0, X'010203');
INSERT INTO pieces VALUES (2, 'print of sound', 1, X'04');
