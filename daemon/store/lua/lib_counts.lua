-- What is counted of a share, in one string: the entry that changed it last, and how many comments there are. The log entry
-- that changes it carries the new numbers, so that whoever reads it need not know the old ones.
-- Callers use lib_log, too.

local function counts_read(key)
  local comments = string.match(redis.call('GET', key) or '', '^%d+ (%d+)')
  return tonumber(comments or 0)
end

-- As the entry that is about to be appended carries them, and as they are kept.
local function counts_after(log, comments) return text(log_next(log)) .. ' ' .. text(comments) end
