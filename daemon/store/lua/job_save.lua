-- uses: job
-- Saves how far the work on an entry has come, or forgets it at the end (''). Nothing is done if the entry is not ours any
-- more: whoever has it keeps the place from there on.
-- KEYS: log, place, tries.  ARGV: consumer, stream id, id, place.  Returns 1 if it is ours.
if not job_is_ours() then return 0 end
if ARGV[4] == '' then
  redis.call('UNLINK', KEYS[2])
else
  redis.call('SET', KEYS[2], ARGV[4])
end
redis.call('HDEL', KEYS[3], ARGV[3]) -- it has got on: what ended it before was not at the same place
return 1
