CREATE TABLE library (
    id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT pk_library PRIMARY KEY (id)
)

CREATE TABLE photos (
    sha256 TEXT NOT NULL,
    name TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    format TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    pixel_sha256 TEXT NOT NULL,
    dhash TEXT NOT NULL,
    sharpness DOUBLE NOT NULL,
    clipped DOUBLE NOT NULL,
    midtones DOUBLE NOT NULL,
    notes JSON NOT NULL,
    CONSTRAINT pk_photos PRIMARY KEY (sha256)
)

CREATE TABLE datasets (
    id TEXT NOT NULL,
    trigger_word TEXT NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT pk_datasets PRIMARY KEY (id)
)

CREATE TABLE effects (
    id TEXT NOT NULL,
    kind VARCHAR(20) NOT NULL,
    subject TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    nonce TEXT NOT NULL,
    state VARCHAR(20) NOT NULL,
    service TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    file_id TEXT NOT NULL,
    remote_id TEXT NOT NULL,
    sent_at TEXT,
    price_usd INTEGER,
    reads INTEGER NOT NULL,
    note TEXT NOT NULL,
    CONSTRAINT pk_effects PRIMARY KEY (id),
    CONSTRAINT uq_effects_kind_subject_attempt UNIQUE (kind, subject, attempt),
    CONSTRAINT ck_effects_kind CHECK (kind IN ('training', 'picture')),
    CONSTRAINT uq_effects_nonce UNIQUE (nonce),
    CONSTRAINT ck_effects_state CHECK (state IN ('planned', 'in_flight', 'confirmed', 'refused', 'unknown', 'absent'))
)

CREATE UNIQUE INDEX one_live_effect ON effects (kind, subject) WHERE state IN ('in_flight', 'unknown', 'confirmed')

CREATE INDEX ix_effects_state ON effects (state)

CREATE TABLE pictures (
    seq INTEGER NOT NULL,
    id TEXT NOT NULL,
    order_id TEXT NOT NULL,
    state VARCHAR(20) NOT NULL,
    generator TEXT NOT NULL,
    model TEXT NOT NULL,
    base TEXT NOT NULL,
    prompt TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    steps INTEGER NOT NULL,
    guidance DOUBLE NOT NULL,
    seed INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    file TEXT NOT NULL,
    thumb TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    source_sha256 TEXT NOT NULL,
    remote_id TEXT NOT NULL,
    cost_usd INTEGER,
    error TEXT NOT NULL,
    trashed_at TEXT,
    CONSTRAINT pk_pictures PRIMARY KEY (seq),
    CONSTRAINT uq_pictures_id UNIQUE (id),
    CONSTRAINT ck_pictures_state CHECK (state IN ('waiting', 'making', 'done', 'failed', 'maybe_charged'))
)

CREATE INDEX ix_pictures_created_at_seq ON pictures (created_at, seq)

CREATE INDEX ix_pictures_state ON pictures (state)

CREATE TABLE charges (
    id TEXT NOT NULL,
    service TEXT NOT NULL,
    kind TEXT NOT NULL,
    amount_usd INTEGER NOT NULL,
    at TEXT NOT NULL,
    certainty VARCHAR(20) NOT NULL,
    run_id TEXT,
    picture_id TEXT,
    note TEXT NOT NULL,
    CONSTRAINT pk_charges PRIMARY KEY (id),
    CONSTRAINT ck_charges_certainty CHECK (certainty IN ('charged', 'maybe'))
)

CREATE INDEX ix_charges_at ON charges (at)

CREATE INDEX ix_charges_run_id ON charges (run_id)

CREATE TABLE dataset_photos (
    dataset_id TEXT NOT NULL,
    photo_sha256 TEXT NOT NULL,
    position INTEGER NOT NULL,
    CONSTRAINT pk_dataset_photos PRIMARY KEY (dataset_id, photo_sha256),
    CONSTRAINT fk_dataset_photos_dataset_id_datasets FOREIGN KEY(dataset_id) REFERENCES datasets (id),
    CONSTRAINT fk_dataset_photos_photo_sha256_photos FOREIGN KEY(photo_sha256) REFERENCES photos (sha256)
)

CREATE TABLE captions (
    dataset_id TEXT NOT NULL,
    photo_sha256 TEXT NOT NULL,
    caption TEXT NOT NULL,
    CONSTRAINT pk_captions PRIMARY KEY (dataset_id, photo_sha256),
    CONSTRAINT fk_captions_dataset_id_datasets FOREIGN KEY(dataset_id) REFERENCES datasets (id),
    CONSTRAINT fk_captions_photo_sha256_photos FOREIGN KEY(photo_sha256) REFERENCES photos (sha256)
)

CREATE TABLE dismissals (
    dataset_id TEXT NOT NULL,
    finding TEXT NOT NULL,
    CONSTRAINT pk_dismissals PRIMARY KEY (dataset_id, finding),
    CONSTRAINT fk_dismissals_dataset_id_datasets FOREIGN KEY(dataset_id) REFERENCES datasets (id)
)

CREATE TABLE dataset_versions (
    id TEXT NOT NULL,
    dataset_id TEXT NOT NULL,
    trigger_word TEXT NOT NULL,
    findings JSON NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT pk_dataset_versions PRIMARY KEY (id),
    CONSTRAINT fk_dataset_versions_dataset_id_datasets FOREIGN KEY(dataset_id) REFERENCES datasets (id)
)

CREATE TABLE picture_loras (
    picture_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    lora_id TEXT NOT NULL,
    name TEXT NOT NULL,
    scale DOUBLE NOT NULL,
    tensor_hash TEXT NOT NULL,
    CONSTRAINT pk_picture_loras PRIMARY KEY (picture_id, position),
    CONSTRAINT fk_picture_loras_picture_id_pictures FOREIGN KEY(picture_id) REFERENCES pictures (id)
)

CREATE INDEX ix_picture_loras_lora_id ON picture_loras (lora_id)

CREATE TABLE dataset_version_photos (
    version_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    photo_sha256 TEXT NOT NULL,
    caption TEXT NOT NULL,
    CONSTRAINT pk_dataset_version_photos PRIMARY KEY (version_id, position),
    CONSTRAINT fk_dataset_version_photos_version_id_dataset_versions FOREIGN KEY(version_id) REFERENCES dataset_versions (id),
    CONSTRAINT fk_dataset_version_photos_photo_sha256_photos FOREIGN KEY(photo_sha256) REFERENCES photos (sha256)
)

CREATE TABLE runs (
    id TEXT NOT NULL,
    dataset_id TEXT NOT NULL,
    state VARCHAR(20) NOT NULL,
    "plan" JSON NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    version_id TEXT,
    base TEXT NOT NULL,
    external_training_id TEXT,
    external_training_service TEXT,
    page TEXT NOT NULL,
    trainer_version TEXT NOT NULL,
    destination TEXT NOT NULL,
    output_version TEXT NOT NULL,
    weights_address TEXT NOT NULL,
    step INTEGER,
    total INTEGER,
    stage TEXT NOT NULL,
    eta_seconds DOUBLE,
    loss DOUBLE,
    started_at TEXT,
    finished_at TEXT,
    price_low INTEGER,
    price_high INTEGER,
    cost_usd INTEGER,
    failed_at VARCHAR(20),
    error TEXT NOT NULL,
    error_kind TEXT NOT NULL,
    attention TEXT NOT NULL,
    lora_id TEXT,
    huggingface_repo TEXT,
    huggingface_status TEXT,
    lora_ready_for_inference BOOLEAN NOT NULL,
    hidden BOOLEAN NOT NULL,
    CONSTRAINT pk_runs PRIMARY KEY (id),
    CONSTRAINT fk_runs_dataset_id_datasets FOREIGN KEY(dataset_id) REFERENCES datasets (id),
    CONSTRAINT ck_runs_state CHECK (state IN ('draft', 'packaging', 'uploading', 'launching', 'queued', 'training', 'collecting', 'publishing', 'ready', 'failed', 'cancelled', 'unknown')),
    CONSTRAINT fk_runs_version_id_dataset_versions FOREIGN KEY(version_id) REFERENCES dataset_versions (id),
    CONSTRAINT ck_runs_failed_at CHECK (failed_at IN ('draft', 'packaging', 'uploading', 'launching', 'queued', 'training', 'collecting', 'publishing', 'ready', 'failed', 'cancelled', 'unknown'))
)

CREATE INDEX ix_runs_hidden_created_at ON runs (hidden, created_at)

CREATE TABLE run_events (
    seq INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    CONSTRAINT pk_run_events PRIMARY KEY (seq),
    CONSTRAINT fk_run_events_run_id_runs FOREIGN KEY(run_id) REFERENCES runs (id)
)

CREATE INDEX ix_run_events_run_id ON run_events (run_id)

CREATE TABLE run_logs (
    seq INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    chars INTEGER NOT NULL,
    text TEXT NOT NULL,
    CONSTRAINT pk_run_logs PRIMARY KEY (seq),
    CONSTRAINT fk_run_logs_run_id_runs FOREIGN KEY(run_id) REFERENCES runs (id)
)

CREATE INDEX ix_run_logs_run_id ON run_logs (run_id)

CREATE TABLE loss_points (
    run_id TEXT NOT NULL,
    step INTEGER NOT NULL,
    loss DOUBLE NOT NULL,
    CONSTRAINT pk_loss_points PRIMARY KEY (run_id, step),
    CONSTRAINT fk_loss_points_run_id_runs FOREIGN KEY(run_id) REFERENCES runs (id)
)

CREATE TABLE loras (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    base TEXT NOT NULL,
    trigger_word TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    tensor_hash TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    recommended_scale DOUBLE NOT NULL,
    run_id TEXT,
    source TEXT NOT NULL,
    output_version TEXT NOT NULL,
    output_service TEXT NOT NULL,
    cover_sha256 TEXT NOT NULL,
    key_style TEXT NOT NULL,
    trashed_at TEXT,
    CONSTRAINT pk_loras PRIMARY KEY (id),
    CONSTRAINT fk_loras_run_id_runs FOREIGN KEY(run_id) REFERENCES runs (id)
)

CREATE INDEX ix_loras_sha256 ON loras (sha256)

CREATE TABLE publications (
    lora_id TEXT NOT NULL,
    hub TEXT NOT NULL,
    repo TEXT NOT NULL,
    "commit" TEXT NOT NULL,
    visibility VARCHAR(20) NOT NULL,
    status VARCHAR(20) NOT NULL,
    sha256 TEXT NOT NULL,
    page TEXT NOT NULL,
    address TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    CONSTRAINT pk_publications PRIMARY KEY (lora_id),
    CONSTRAINT fk_publications_lora_id_loras FOREIGN KEY(lora_id) REFERENCES loras (id),
    CONSTRAINT ck_publications_visibility CHECK (visibility IN ('private', 'public')),
    CONSTRAINT ck_publications_status CHECK (status IN ('uploading', 'verified', 'missing', 'different'))
)

CREATE TRIGGER run_events_no_update BEFORE UPDATE ON run_events BEGIN SELECT RAISE(ABORT, 'run_events is append-only'); END

CREATE TRIGGER run_events_no_delete BEFORE DELETE ON run_events BEGIN SELECT RAISE(ABORT, 'run_events is append-only'); END

CREATE TRIGGER effects_no_delete BEFORE DELETE ON effects BEGIN SELECT RAISE(ABORT, 'effects are kept'); END

CREATE VIRTUAL TABLE pictures_fts USING fts5(prompt, content='pictures', content_rowid='seq', tokenize='unicode61 remove_diacritics 2')
