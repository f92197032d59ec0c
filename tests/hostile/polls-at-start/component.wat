;; Waits until its standard output is ready, which it is, as soon as it is instantiated: the host answers
;; that with an asynchronous runtime of its own.
(component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type $stream (sub resource)))
    (alias outer 1 $pollable (type $theirs))
    (export "pollable" (type $moment (eq $theirs)))
    (export "[method]output-stream.subscribe"
      (func (param "self" (borrow $stream)) (result (own $moment))))))
  (alias export $streams "output-stream" (type $stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $stream (type $theirs))
    (export "output-stream" (type $out (eq $theirs)))
    (export "get-stdout" (func (result (own $out))))))
  (core func $get (canon lower (func $stdout "get-stdout")))
  (core func $subscribe (canon lower (func $streams "[method]output-stream.subscribe")))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core module $poller
    (import "wasi" "get" (func $get (result i32)))
    (import "wasi" "subscribe" (func $subscribe (param i32) (result i32)))
    (import "wasi" "block" (func $block (param i32)))
    (func $start
      (call $block (call $subscribe (call $get))))
    (start $start))
  (core instance (instantiate $poller
    (with "wasi" (instance
      (export "get" (func $get))
      (export "subscribe" (func $subscribe))
      (export "block" (func $block))))))
  (instance $none)
  (export "bulkhead:plugin/strategy@0.1.0" (instance $none)))
