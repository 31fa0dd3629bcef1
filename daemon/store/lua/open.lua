-- uses: log boundary
-- flags: allow-oom
-- Opens one partition for a new link: creates it if it is not there, raises the link generation of this daemon, which turns
-- whatever an older link of it still has under way into GHOST errors, and finds out whether acknowledged entries were lost.
-- Also when memory is full: what is there can then be read, and deleted.
--
-- Each process of Redis that is met under this data is a run, and has a mark: `run` and `mark` are of the present one, `runs`
-- says of earlier ones where each ended (`mark:id`, latest first). `linked:<daemon>` are the daemons that had a link since
-- the run began and did not leave; when it has ended they are `owed` (`daemon:id`): each must say that it had seen nothing
-- beyond, or the log gets a boundary.
-- KEYS: meta, log, deletions
-- ARGV: daemon, '', partition, id of Redis's process, mark for it if it is a new run, and what the daemon has seen: under which
--       mark ('0': nothing), up to which id, and 1 if that is certain to be all
-- Returns the generation, the last id, the mark, the earlier runs, the last id that is left of what the daemon has seen
-- ('' all of it), and who is still owed.
local RUNS_MAX = 64
local daemon, run, fresh, mark, seen, certain = ARGV[1], ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7]), ARGV[8] == '1'

-- Each may be there without the others: the log, its group, and this hash.
redis.pcall('XGROUP', 'CREATE', KEYS[2], 'appliers', '0', 'MKSTREAM')
if redis.call('EXISTS', KEYS[1]) == 0 then
  local info = redis.call('XINFO', 'STREAM', KEYS[2])
  local last = tonumber(ARGV[3])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      local ms, sequence = string.match(info[i + 1], '^(%d+)-(%d+)$')
      last = tonumber(ms) * 8192 + tonumber(sequence) * 64 + last
    end
  end
  if last == tonumber(ARGV[3]) then -- it begins where the clock is: above all that was given out by a store that it comes after
    local now = log_at(last).now
    redis.call('XSETID', KEYS[2], now .. '-0')
    redis.call('XGROUP', 'SETID', KEYS[2], 'appliers', '$')
    last = last + now * 8192
  end
  redis.call('HSET', KEYS[1], 'last', text(last))
end
local generation = redis.call('HINCRBY', KEYS[1], 'generation:' .. daemon, 1)
local held = redis.call('HMGET', KEYS[1], 'last', 'run', 'mark', 'runs', 'owed')
local last, current, runs, owed = tonumber(held[1]), held[3], held[4] or '', held[5] or ''

if held[2] ~= run then
  if current then
    local ended = {current .. ':' .. held[1]}
    for earlier in string.gmatch(runs, '%S+') do
      if #ended < RUNS_MAX then ended[#ended + 1] = earlier end
    end
    runs = table.concat(ended, ' ')
    local fields = redis.call('HKEYS', KEYS[1])
    for i = 1, #fields do
      local name = string.match(fields[i], '^linked:(.+)$')
      if name then
        redis.call('HDEL', KEYS[1], fields[i])
        if not string.find(owed, name .. ':', 1, true) then owed = owed .. name .. ':' .. held[1] .. ' ' end
      end
    end
  end
  current = fresh
  redis.call('HSET', KEYS[1], 'run', run, 'mark', current, 'runs', runs, 'owed', owed)
end

-- What is left of what the daemon has seen.
local kept
if mark == current then
  kept = last
elseif mark ~= '0' then
  kept = tonumber(string.match(' ' .. runs .. ' ', ' ' .. mark .. ':(%d+) ') or 0)
end
local lost = kept and seen > kept
local after = lost and kept
local owes = string.match(' ' .. owed, ' ' .. daemon .. ':(%d+) ')
if owes then
  owed = string.gsub(owed, daemon .. ':%d+ ', '')
  redis.call('HSET', KEYS[1], 'owed', owed)
  if not kept or not certain then after = math.min(after or tonumber(owes), tonumber(owes)) end
end
if after then boundary_append(last, after, seen) end
redis.call('HSET', KEYS[1], 'linked:' .. daemon, current)
return {tostring(generation), redis.call('HGET', KEYS[1], 'last'), current, runs, lost and text(kept) or '', owed}
