-- An entry that was dealt to a daemon, and what is kept beside it. Callers pass KEYS[1] = log, ARGV[1] = consumer,
-- ARGV[2] = stream id.

-- Whether the entry is pending and this consumer's: another one may have claimed it, or finished it.
local function job_is_ours()
  local held = redis.call('XPENDING', KEYS[1], 'appliers', ARGV[2], ARGV[2], 1)
  return #held > 0 and held[1][2] == ARGV[1]
end
