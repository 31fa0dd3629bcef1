-- uses: job
-- Saves how far the work on an entry has come, or ends it (''): with one step it is acknowledged and its place is forgotten, so
-- that a word of before, which came late on a link that was given up, leaves nothing. If the entry is not ours any more, whoever
-- has it keeps the place from there on; if it is finished, nobody needs one.
-- KEYS: log, place, tries.  ARGV: consumer, stream id, id, place.  Returns 1 if it is ours.
local holder = job_holder()
if not holder then redis.call('UNLINK', KEYS[2]) end
if holder ~= ARGV[1] then return 0 end
if ARGV[4] == '' then
  redis.call('XACK', KEYS[1], 'appliers', ARGV[2])
  redis.call('UNLINK', KEYS[2])
else
  redis.call('SET', KEYS[2], ARGV[4])
end
redis.call('HDEL', KEYS[3], ARGV[3]) -- it has got on: what ended it before was not at the same place
return 1
