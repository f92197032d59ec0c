;; Computes forever as soon as it is instantiated, with so much fuel that time ends it first.
(component
  (core module $loop
    (func $start (loop $again (br $again)))
    (start $start))
  (core instance (instantiate $loop))
  (instance $none)
  (export "bulkhead:plugin/strategy@0.1.0" (instance $none)))
