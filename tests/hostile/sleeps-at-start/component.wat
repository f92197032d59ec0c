;; Sleeps for an hour by WASI's clock as soon as it is instantiated, before it was called at all.
(component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $theirs))
    (export "pollable" (type $moment (eq $theirs)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $moment))))))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core module $sleeper
    (import "wasi" "subscribe" (func $subscribe (param i64) (result i32)))
    (import "wasi" "block" (func $block (param i32)))
    (func $start
      (call $block (call $subscribe (i64.const 3_600_000_000_000))))
    (start $start))
  (core instance (instantiate $sleeper
    (with "wasi" (instance
      (export "subscribe" (func $subscribe))
      (export "block" (func $block))))))
  (instance $none)
  (export "bulkhead:plugin/strategy@0.1.0" (instance $none)))
