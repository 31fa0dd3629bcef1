-- How far one log is fully applied, and its trimming: never past what is pending or undelivered, and only beyond the
-- retention, as seen from the last one delivered: no clock has a say in it.  KEYS: log, tries, parked.
-- ARGV: retention in ms
-- Returns the stream ids of the oldest pending entry ('' if none) and of the last one delivered, and how many are pending and
-- parked.
local function before(a, b)
  local a_ms, a_sequence = string.match(a, '^(%d+)-(%d+)$')
  local b_ms, b_sequence = string.match(b, '^(%d+)-(%d+)$')
  a_ms, b_ms = tonumber(a_ms), tonumber(b_ms)
  return a_ms < b_ms or (a_ms == b_ms and tonumber(a_sequence) < tonumber(b_sequence))
end

local delivered = '0-0'
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  for i = 1, #group, 2 do
    if group[i] == 'last-delivered-id' then delivered = group[i + 1] end
  end
end
local pending = redis.call('XPENDING', KEYS[1], 'appliers')
local oldest = pending[2] or ''
if oldest == '' then redis.call('UNLINK', KEYS[2]) end -- counts of entries that are finished
local delivered_ms = tonumber(string.match(delivered, '^(%d+)-'))
local keep = string.format('%d-0', math.max(delivered_ms - tonumber(ARGV[1]), 0))
if oldest ~= '' and before(oldest, keep) then keep = oldest end
redis.call('XTRIM', KEYS[1], 'MINID', '~', keep, 'LIMIT', 1000)
return {oldest, delivered, pending[1], redis.call('HLEN', KEYS[3])}
