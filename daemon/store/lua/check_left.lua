-- flags: allow-oom
-- Whether something was left behind by a share that is gone, and takes it away.
-- KEYS: body, then what belongs to the share.  ARGV: 1 to take it away
-- Returns 1 or 0.
if redis.call('EXISTS', KEYS[1]) == 1 or redis.call('EXISTS', unpack(KEYS, 2)) == 0 then return 0 end
if ARGV[1] == '1' then redis.call('UNLINK', unpack(KEYS, 2)) end
return 1
