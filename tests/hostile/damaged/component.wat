;; Small, and with something of everything, so that whatever bit is turned is a bit of something.
(component
  (import "bulkhead:plugin/log@0.1.0" (instance $log
    (type $level' (enum "trace" "debug" "info" "warn" "error"))
    (export "level" (type $level (eq $level')))
    (export "write" (func (param "level" $level) (param "message" string)))))
  (core module $libc
    (memory (export "memory") 1)
    (data (i32.const 16) "still here"))
  (core instance $libc (instantiate $libc))
  (alias core export $libc "memory" (core memory $memory))
  (core func $write (canon lower (func $log "write") (memory $memory)))
  (core module $main
    (type $step (func (param i32) (result i32)))
    (import "log" "write" (func $write (param i32 i32 i32)))
    (import "libc" "memory" (memory 1))
    (table 2 2 funcref)
    (elem (i32.const 0) $half $third)
    (global $turns (mut i32) (i32.const 0))
    (func $half (type $step) (i32.div_s (local.get 0) (i32.const 2)))
    (func $third (type $step) (i32.div_s (local.get 0) (i32.const 3)))
    (func $start
      (local $value i32)
      (local.set $value (i32.const 1000))
      (loop $again
        (global.set $turns (i32.add (global.get $turns) (i32.const 1)))
        (local.set $value
          (call_indirect (type $step)
            (local.get $value)
            (i32.and (global.get $turns) (i32.const 1))))
        (i32.store offset=64 (i32.const 0) (local.get $value))
        (br_if $again (i32.gt_s (local.get $value) (i32.const 0))))
      (call $write (i32.const 2) (i32.const 16) (i32.const 10)))
    (start $start))
  (core instance (instantiate $main
    (with "log" (instance (export "write" (func $write))))
    (with "libc" (instance $libc))))
  (instance $none)
  (export "bulkhead:plugin/strategy@0.1.0" (instance $none)))
