-- uses: job
-- Shows that work on an entry goes on: renews its idle time if it is still ours.
-- KEYS: log.  ARGV: consumer, stream id.  Returns 1 if it is ours.
if not job_is_ours() then return 0 end
redis.call('XCLAIM', KEYS[1], 'appliers', ARGV[1], 0, ARGV[2], 'JUSTID')
return 1
