-- uses: job
-- Parks an entry that nobody could finish: it is pending no more and holds nothing up, and all that is needed to carry it out
-- later is remembered; its place stays, too.
-- KEYS: log, tries, parked.  ARGV: consumer, stream id, id, kind, subject, reader, how often it was tried, reason
-- Returns 1 if it was ours.
if not job_is_ours() then return 0 end
local time = redis.call('TIME')
redis.call('HSET', KEYS[3], ARGV[3], cjson.encode({
  kind = ARGV[4], subject = ARGV[5], reader = ARGV[6], tries = tonumber(ARGV[7]), reason = ARGV[8], daemon = ARGV[1],
  parked_ms = time[1] * 1000 + math.floor(time[2] / 1000),
}))
redis.call('HDEL', KEYS[2], ARGV[3])
redis.call('XACK', KEYS[1], 'appliers', ARGV[2])
return 1
