-- An entry that was dealt to a daemon, and what is kept beside it. Callers pass KEYS[1] = log, ARGV[1] = consumer,
-- ARGV[2] = stream id.

-- Whose the entry is; nil: it is finished. Another one may have claimed it, and finished it.
local function job_holder()
  local held = redis.call('XPENDING', KEYS[1], 'appliers', ARGV[2], ARGV[2], 1)
  return held[1] and held[1][2]
end

local function job_is_ours() return job_holder() == ARGV[1] end
