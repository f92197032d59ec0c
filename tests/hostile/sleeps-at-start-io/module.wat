;; Sleeps for an hour by WASI's clock as soon as it is instantiated. None of its functions is ever reached.
(module
  (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration"
    (func $subscribe (param i64) (result i32)))
  (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
  (memory (export "memory") 1)
  (func $start
    (call $block (call $subscribe (i64.const 3_600_000_000_000))))
  (start $start)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
  (func (export "bulkhead:plugin/lifecycle@0.1.0#configure")
    (param i32 i32 i32 i32) (result i32) unreachable)
  (func (export "bulkhead:plugin/data-source@0.1.0#datasets") (result i32) unreachable)
  (func (export "bulkhead:plugin/data-source@0.1.0#instruments")
    (param i32 i32 i32 i32 i32) (result i32) unreachable)
  (func (export "bulkhead:plugin/data-source@0.1.0#bars")
    (param i32 i32 i32 i32 i64 i32 i64 i32 i64 i32 i32 i32) (result i32) unreachable)
  (func (export "bulkhead:plugin/data-source@0.1.0#series")
    (param i32 i32 i32 i32 i32 i64 i32 i64 i32 i32 i32) (result i32) unreachable)
  (func (export "bulkhead:plugin/data-source@0.1.0#news")
    (param i32 i32 i32 i32 i32 i64 i32 i64 i32 i32 i32) (result i32) unreachable)
  (func (export "bulkhead:plugin/data-source@0.1.0#option-chain")
    (param i32 i32 i32 i32 i32 i64 i32 i32 i32) (result i32) unreachable))
