-- flags: allow-oom
-- Whether some comments under a share have their places in the dialogue, and stand in the index around its author; makes it so.
-- KEYS: dialogue, comments, around.  ARGV: 1 to mend, share, ids of comments or of places
-- Returns of how many that is not so.
local mend, share, wrong = ARGV[1] == '1', ARGV[2], 0
local capped = tonumber(redis.call('ZSCORE', KEYS[3], 'capped') or 0)

local function is_wrong(...)
  wrong = wrong + 1
  if mend then redis.call(...) end
end

for i = 3, #ARGV do
  local id = ARGV[i]
  local held, place = redis.call('HGET', KEYS[2], id), redis.call('ZSCORE', KEYS[1], id)
  if not held then
    if place then is_wrong('ZREM', KEYS[1], id) end
  elseif tonumber(place or 0) ~= tonumber(id) then
    is_wrong('ZADD', KEYS[1], id, id)
  elseif string.find(held, '^%d+ .') and tonumber(id) > capped and not redis.call('ZSCORE', KEYS[3], id .. ':' .. share) then
    is_wrong('ZADD', KEYS[3], id, id .. ':' .. share)
  end
end
return wrong
