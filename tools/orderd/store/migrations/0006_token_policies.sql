-- A key keeps its old encryption pair always (order-domain.md 5): no policy says otherwise.
ALTER TABLE tokens DROP COLUMN renew_keep_old_enc;
