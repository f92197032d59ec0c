;; Returns bytes that no compiler would. The instrument of a bar chooses the forgery; so does the length of
;; the configuration, for what the host asks of the guest before any bar.
(module
  (import "[export]bulkhead:plugin/strategy@0.1.0" "[resource-new]instance"
    (func $new (param i32) (result i32)))
  (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 4096))
  (data (i32.const 512) "\ff\fe not text")

  ;; Memory that the host asks for, to put arguments in.
  (func (export "cabi_realloc") (param $old i32) (param $size i32) (param $align i32) (param $wanted i32) (result i32)
    (local $at i32)
    ;; 64 bytes or more: far outside.
    (if (i32.and (i32.ge_u (local.get $wanted) (i32.const 64)) (i32.lt_u (local.get $wanted) (i32.const 128)))
      (then (return (i32.const 0x7fff0000))))
    ;; 128 bytes or more: never an answer.
    (if (i32.ge_u (local.get $wanted) (i32.const 128))
      (then (loop $forever (br $forever))))
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
    (global.set $next (i32.add (local.get $at) (local.get $wanted)))
    (local.get $at))

  (func (export "bulkhead:plugin/strategy@0.1.0#[static]instance.create")
    (param $config i32) (param $length i32) (param i32 i32) (result i32)
    (i32.store8 (i32.const 0) (i32.const 0))
    (i32.store (i32.const 4)
      (if (result i32) (i32.eq (local.get $length) (i32.const 3))
        ;; A handle that was never made.
        (then (i32.const 77))
        (else (call $new (i32.const 1)))))
    (i32.const 0))

  ;; All zero: by the bar, no warm-up, no features, no models.
  (func (export "bulkhead:plugin/strategy@0.1.0#[method]instance.requirements") (param i32) (result i32)
    (i32.const 1024))

  (func (export "bulkhead:plugin/strategy@0.1.0#[method]instance.on-slice")
    (param i32 i64 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    unreachable)

  ;; A list of one intent, which lies at 256.
  (func $one (result i32)
    (i32.store (i32.const 128) (i32.const 256))
    (i32.store (i32.const 132) (i32.const 1))
    (i32.const 128))

  (func (export "bulkhead:plugin/strategy@0.1.0#[method]instance.on-bar")
    (param $self i32) (param $instrument i32)
    (param i64 f64 f64 f64 f64 f64 f64) (param f64 f64 f64 f64 f64) (result i32)
    (memory.fill (i32.const 256) (i32.const 0) (i32.const 256))
    ;; 1: a list that is longer than the memory.
    (if (i32.eq (local.get $instrument) (i32.const 1))
      (then
        (i32.store (i32.const 128) (i32.const 256))
        (i32.store (i32.const 132) (i32.const 1000))
        (return (i32.const 128))))
    ;; 2: a list at an odd address.
    (if (i32.eq (local.get $instrument) (i32.const 2))
      (then
        (i32.store (i32.const 128) (i32.const 257))
        (i32.store (i32.const 132) (i32.const 1))
        (return (i32.const 128))))
    ;; 3: an intent of no known case.
    (if (i32.eq (local.get $instrument) (i32.const 3))
      (then
        (i32.store8 (i32.const 256) (i32.const 9))
        (return (call $one))))
    ;; 4: text that is no text.
    (if (i32.eq (local.get $instrument) (i32.const 4))
      (then
        (i32.store8 (i32.const 256) (i32.const 3))
        (i32.store (i32.const 264) (i32.const 512))
        (i32.store (i32.const 268) (i32.const 10))
        (return (call $one))))
    ;; 5: a target whose quantity has a scale of 200.
    (if (i32.eq (local.get $instrument) (i32.const 5))
      (then
        (i64.store (i32.const 272) (i64.const 1))
        (i32.store8 (i32.const 288) (i32.const 200))
        (return (call $one))))
    ;; 6: a target whose quantity has more than 96 bits.
    (if (i32.eq (local.get $instrument) (i32.const 6))
      (then
        (i64.store (i32.const 280) (i64.const 0x7fffffffffffffff))
        (return (call $one))))
    ;; 7: the answer itself lies outside the memory.
    (if (i32.eq (local.get $instrument) (i32.const 7))
      (then (return (i32.const 0x7fff0000))))
    ;; 8: more than the host will take, all of it within the memory.
    (if (i32.eq (local.get $instrument) (i32.const 8))
      (then
        (drop (memory.grow (i32.const 64)))
        (i32.store (i32.const 128) (i32.const 8192))
        (i32.store (i32.const 132) (i32.const 10000))
        (return (i32.const 128))))
    ;; 10: a target whose confidence is no number.
    (if (i32.eq (local.get $instrument) (i32.const 10))
      (then
        (i32.store8 (i32.const 296) (i32.const 1))
        (f64.store (i32.const 304) (f64.const nan))
        (return (call $one))))
    ;; Anything else is honest: cancel all of instrument 0.
    (i32.store8 (i32.const 256) (i32.const 4))
    (call $one)))
