-- What is counted of a share, in one string: the entry that changed it last, how many comments there are, and how many re-shares.
-- The log entry that changes it carries the new numbers, so that whoever reads it need not know the old ones.
-- Callers use lib_log, too.

-- Comments and re-shares.
local function counts_read(key)
  local comments, reshares = string.match(redis.call('GET', key) or '', '^%d+ (%d+) ?(%d*)')
  return tonumber(comments) or 0, tonumber(reshares) or 0
end

-- As the entry that is about to be appended carries them, and as they are kept.
local function counts_after(log, comments, reshares)
  return text(log_next(log)) .. ' ' .. text(comments) .. ' ' .. text(reshares)
end
