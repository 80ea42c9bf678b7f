-- Rows are appended in commit order, numbered by seq from 1 in each table.
-- Names carry units; times are UTC. Text columns that hold JSON say so.
-- No foreign keys and no secondary indexes: DuckDB refuses to alter tables that
-- have them, and zone maps serve as well. A PRIMARY KEY stands only where a
-- batch sent twice must be refused.

CREATE TABLE predictions (
  seq                BIGINT NOT NULL,
  prediction_id      VARCHAR PRIMARY KEY,
  created_at         TIMESTAMP NOT NULL,
  config_hash        BIGINT NOT NULL,     -- FNV-1a of the configuration's key: finds repeats
  model_name         VARCHAR NOT NULL,
  model_asked        VARCHAR NOT NULL,    -- as the caller wrote it
  model_family       VARCHAR NOT NULL,
  hardware_platform  VARCHAR NOT NULL,
  device             VARCHAR NOT NULL,
  runtime            VARCHAR NOT NULL,
  runtime_version    VARCHAR NOT NULL,
  precision          VARCHAR NOT NULL,
  mode               VARCHAR NOT NULL,
  batch_size         BIGINT NOT NULL,
  sequence_length    BIGINT NOT NULL,
  output_length      BIGINT NOT NULL,
  concurrency        BIGINT NOT NULL,
  image_size         BIGINT NOT NULL,
  devices            BIGINT NOT NULL,
  tensor_parallel    BIGINT NOT NULL,
  pipeline_parallel  BIGINT NOT NULL,
  expert_parallel    BIGINT NOT NULL,
  threads            BIGINT NOT NULL,
  layout             VARCHAR NOT NULL,
  latency_s          DOUBLE NOT NULL,
  latency_low_s      DOUBLE NOT NULL,
  latency_high_s     DOUBLE NOT NULL,
  throughput_per_s      DOUBLE NOT NULL,
  throughput_low_per_s  DOUBLE NOT NULL,
  throughput_high_per_s DOUBLE NOT NULL,
  memory_bytes       DOUBLE NOT NULL,
  memory_low_bytes   DOUBLE NOT NULL,
  memory_high_bytes  DOUBLE NOT NULL,
  ttft_s             DOUBLE,
  ttft_low_s         DOUBLE,
  ttft_high_s        DOUBLE,
  tpot_s             DOUBLE,
  tpot_low_s         DOUBLE,
  tpot_high_s        DOUBLE,
  output_tokens_per_s      DOUBLE,
  output_tokens_low_per_s  DOUBLE,
  output_tokens_high_per_s DOUBLE,
  end_to_end_s       DOUBLE,
  end_to_end_low_s   DOUBLE,
  end_to_end_high_s  DOUBLE,
  memory_parts       VARCHAR,             -- JSON, bytes by part
  fits               VARCHAR NOT NULL,
  max_batch          BIGINT NOT NULL,
  max_sequence       BIGINT NOT NULL,
  shares             VARCHAR,             -- JSON, parts of the time, summing to 1
  attainable_s       DOUBLE NOT NULL,
  basis              VARCHAR NOT NULL,
  distance           VARCHAR NOT NULL,
  model_version      VARCHAR NOT NULL,
  evidence           VARCHAR,             -- JSON
  assumptions        VARCHAR,             -- JSON
  warnings           VARCHAR,             -- JSON
  prediction_source  VARCHAR NOT NULL,
  sample             BOOLEAN NOT NULL
);

CREATE TABLE measurements (
  seq                BIGINT NOT NULL,
  measurement_id     VARCHAR PRIMARY KEY,
  created_at         TIMESTAMP NOT NULL,
  model_name         VARCHAR NOT NULL,
  model_asked        VARCHAR NOT NULL,    -- as the caller wrote it
  model_family       VARCHAR NOT NULL,
  hardware_platform  VARCHAR NOT NULL,
  device             VARCHAR NOT NULL,
  runtime            VARCHAR NOT NULL,
  runtime_version    VARCHAR NOT NULL,
  precision          VARCHAR NOT NULL,
  mode               VARCHAR NOT NULL,
  batch_size         BIGINT NOT NULL,
  sequence_length    BIGINT NOT NULL,
  output_length      BIGINT NOT NULL,
  concurrency        BIGINT NOT NULL,
  image_size         BIGINT NOT NULL,
  devices            BIGINT NOT NULL,
  tensor_parallel    BIGINT NOT NULL,
  pipeline_parallel  BIGINT NOT NULL,
  expert_parallel    BIGINT NOT NULL,
  threads            BIGINT NOT NULL,
  layout             VARCHAR NOT NULL,
  throughput_per_s   DOUBLE,
  latency_s          DOUBLE,
  memory_bytes       DOUBLE,
  ttft_s             DOUBLE,
  tpot_s             DOUBLE,
  output_tokens_per_s DOUBLE,
  measurement_source VARCHAR NOT NULL,
  prediction_id      VARCHAR NOT NULL,    -- empty: compared with none
  environment        VARCHAR,             -- JSON
  unknown_model      BOOLEAN NOT NULL,
  quarantined        BOOLEAN NOT NULL,
  quarantine_reason  VARCHAR NOT NULL,
  sample             BOOLEAN NOT NULL
);

-- Everything a dashboard asks about accuracy is in the row: no joins.
CREATE TABLE prediction_errors (
  seq                BIGINT NOT NULL,
  created_at         TIMESTAMP NOT NULL,
  prediction_id      VARCHAR NOT NULL,
  measurement_id     VARCHAR NOT NULL,
  model_name         VARCHAR NOT NULL,
  model_asked        VARCHAR NOT NULL,    -- as the caller wrote it
  model_family       VARCHAR NOT NULL,
  hardware_platform  VARCHAR NOT NULL,
  device             VARCHAR NOT NULL,
  runtime            VARCHAR NOT NULL,
  runtime_version    VARCHAR NOT NULL,
  precision          VARCHAR NOT NULL,
  mode               VARCHAR NOT NULL,
  batch_size         BIGINT NOT NULL,
  sequence_length    BIGINT NOT NULL,
  output_length      BIGINT NOT NULL,
  concurrency        BIGINT NOT NULL,
  image_size         BIGINT NOT NULL,
  devices            BIGINT NOT NULL,
  tensor_parallel    BIGINT NOT NULL,
  pipeline_parallel  BIGINT NOT NULL,
  expert_parallel    BIGINT NOT NULL,
  threads            BIGINT NOT NULL,
  layout             VARCHAR NOT NULL,
  metric             VARCHAR NOT NULL,    -- its values are in SI units
  predicted          DOUBLE NOT NULL,
  predicted_low      DOUBLE NOT NULL,
  predicted_high     DOUBLE NOT NULL,
  actual             DOUBLE NOT NULL,
  absolute_error     DOUBLE NOT NULL,
  relative_error     DOUBLE NOT NULL,     -- a fraction
  basis              VARCHAR NOT NULL,
  quarantined        BOOLEAN NOT NULL,
  sample             BOOLEAN NOT NULL
);

CREATE TABLE recommendations (
  seq                BIGINT NOT NULL,
  recommendation_id  VARCHAR PRIMARY KEY,
  created_at         TIMESTAMP NOT NULL,
  model_name         VARCHAR NOT NULL,
  model_asked        VARCHAR NOT NULL,    -- as the caller wrote it
  model_family       VARCHAR NOT NULL,
  hardware_platform  VARCHAR NOT NULL,    -- of the first choice
  device             VARCHAR NOT NULL,
  runtime            VARCHAR NOT NULL,
  runtime_version    VARCHAR NOT NULL,
  precision          VARCHAR NOT NULL,
  mode               VARCHAR NOT NULL,
  batch_size         BIGINT NOT NULL,
  sequence_length    BIGINT NOT NULL,
  output_length      BIGINT NOT NULL,
  concurrency        BIGINT NOT NULL,
  image_size         BIGINT NOT NULL,
  devices            BIGINT NOT NULL,
  tensor_parallel    BIGINT NOT NULL,
  pipeline_parallel  BIGINT NOT NULL,
  expert_parallel    BIGINT NOT NULL,
  threads            BIGINT NOT NULL,
  layout             VARCHAR NOT NULL,
  user_id            VARCHAR NOT NULL,
  model_params       DOUBLE NOT NULL,     -- as known at the time; 0: not known
  max_latency_s      DOUBLE NOT NULL,     -- constraints; 0: none
  max_ttft_s         DOUBLE NOT NULL,
  max_tpot_s         DOUBLE NOT NULL,
  max_memory_bytes   DOUBLE NOT NULL,
  min_throughput_per_s DOUBLE NOT NULL,
  max_price_per_hour DOUBLE NOT NULL,
  objective          VARCHAR NOT NULL,
  candidates         VARCHAR,             -- JSON, best first
  reason             VARCHAR NOT NULL,
  warnings           VARCHAR,             -- JSON
  sample             BOOLEAN NOT NULL
);

-- The newest row of a recommendation counts.
CREATE TABLE feedback (
  seq                BIGINT NOT NULL,
  created_at         TIMESTAMP NOT NULL,
  recommendation_id  VARCHAR NOT NULL,
  was_accepted       BOOLEAN NOT NULL,
  user_feedback      VARCHAR NOT NULL
);

CREATE TABLE prediction_models (
  seq                BIGINT NOT NULL,
  model_id           VARCHAR PRIMARY KEY,
  created_at         TIMESTAMP NOT NULL,
  model_type         VARCHAR NOT NULL,
  target_metric      VARCHAR NOT NULL,
  hardware_platform  VARCHAR NOT NULL,
  model_family       VARCHAR NOT NULL,
  serialized_model_path VARCHAR NOT NULL, -- a label, never opened
  features           VARCHAR,             -- JSON
  training_score     DOUBLE,
  validation_score   DOUBLE,
  test_score         DOUBLE,
  artefact           BLOB,                -- our own format
  artefact_bytes     BIGINT NOT NULL,     -- its size; 0: only a label
  active             BOOLEAN NOT NULL,
  sample             BOOLEAN NOT NULL
);

CREATE TABLE feature_importance (
  seq                BIGINT NOT NULL,
  created_at         TIMESTAMP NOT NULL,
  model_id           VARCHAR NOT NULL,
  feature_name       VARCHAR NOT NULL,
  importance_score   DOUBLE NOT NULL,
  rank               BIGINT NOT NULL,
  method             VARCHAR NOT NULL,
  sample             BOOLEAN NOT NULL
);

-- One row per persisted state; the newest of a task counts.
CREATE TABLE tasks (
  seq                BIGINT NOT NULL,
  task_id            VARCHAR NOT NULL,
  kind               VARCHAR NOT NULL,
  status             VARCHAR NOT NULL,
  progress           DOUBLE NOT NULL,
  message            VARCHAR NOT NULL,
  created_at         TIMESTAMP NOT NULL,
  updated_at         TIMESTAMP NOT NULL,
  input              VARCHAR,             -- JSON
  result             VARCHAR              -- JSON
);

-- One row per persisted state; the newest of a run counts.
CREATE TABLE runs (
  seq                BIGINT NOT NULL,
  run_id             VARCHAR NOT NULL,
  component          VARCHAR NOT NULL,
  model_name         VARCHAR NOT NULL,
  hardware           VARCHAR,             -- JSON
  kind               VARCHAR NOT NULL,
  status             VARCHAR NOT NULL,
  progress           DOUBLE NOT NULL,
  current_step       VARCHAR NOT NULL,
  started_at         TIMESTAMP NOT NULL,
  completed_at       TIMESTAMP,
  error              VARCHAR NOT NULL,
  config             VARCHAR,             -- JSON
  result             VARCHAR              -- JSON
);

-- Facts a user added or corrected; the newest row of a name counts.
CREATE TABLE devices (
  seq                BIGINT NOT NULL,
  created_at         TIMESTAMP NOT NULL,
  device             VARCHAR NOT NULL,
  hardware_platform  VARCHAR NOT NULL,
  facts              VARCHAR NOT NULL     -- JSON, SI units
);

CREATE TABLE models (
  seq                BIGINT NOT NULL,
  created_at         TIMESTAMP NOT NULL,
  model_name         VARCHAR NOT NULL,
  model_family       VARCHAR NOT NULL,
  facts              VARCHAR NOT NULL     -- JSON
);

-- The whole fleet at each change; the newest row counts.
CREATE TABLE fleet (
  seq                BIGINT NOT NULL,
  created_at         TIMESTAMP NOT NULL,
  entries            VARCHAR              -- JSON
);
