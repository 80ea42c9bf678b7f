-- Denoising steps of an image are part of a configuration, and what a token's
-- and a request's time is spent on is part of a prediction.

ALTER TABLE predictions ADD COLUMN steps BIGINT DEFAULT 0;       -- denoising steps of a sample; 0 = the model's own number
ALTER TABLE predictions ADD COLUMN breakdowns VARCHAR;       -- JSON, shares and bound of a token's and a request's time
ALTER TABLE measurements ADD COLUMN steps BIGINT DEFAULT 0;
ALTER TABLE prediction_errors ADD COLUMN steps BIGINT DEFAULT 0;
ALTER TABLE recommendations ADD COLUMN steps BIGINT DEFAULT 0;
