;; Takes table elements until there are no more, as soon as it is instantiated.
(component
  (core module $bomb
    (table $elements 1 funcref)
    (func $start
      (loop $again
        (if (i32.eq (table.grow $elements (ref.null func) (i32.const 1000)) (i32.const -1))
          (then unreachable))
        (br $again)))
    (start $start))
  (core instance (instantiate $bomb))
  (instance $none)
  (export "bulkhead:plugin/strategy@0.1.0" (instance $none)))
