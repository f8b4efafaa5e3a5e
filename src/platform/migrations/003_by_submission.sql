-- What is recorded of a submission is read in the transaction that records its verdict, and by `status`. Without these it is read from end to end:
-- 24 ms at 200,000 verdicts, and growing with them; with them 0.07 ms.
create index verdict_submission on verdict (submission_id);
create index reupload_submission on reupload (submission_id);
