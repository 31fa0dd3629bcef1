-- How far the deletion of a subject has come.  KEYS: erasure, then what is deleted piece by piece (sorted sets)
-- Returns its position (null: it was never deleted, or long ago), how much there was, how much is left, and 1 if it is done.
local held = redis.call('HMGET', KEYS[1], 'position', 'total', 'done')
if not held[1] then return {false} end
local left = 0
for i = 2, #KEYS do left = left + (held[3] and 0 or redis.call('ZCOUNT', KEYS[i], 1, '(' .. held[1])) end
return {held[1], tonumber(held[2]), left, held[3] and 1 or 0}
