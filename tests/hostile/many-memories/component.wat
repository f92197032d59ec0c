;; Two memories of 600 pages, 37.5 MiB, each: either would fit in 64 MiB, the two do not.
(component
  (core module $half
    (memory 1)
    (func $start
      (if (i32.eq (memory.grow (i32.const 599)) (i32.const -1))
        (then unreachable)))
    (start $start))
  (core instance (instantiate $half))
  (core instance (instantiate $half))
  (instance $none)
  (export "bulkhead:plugin/strategy@0.1.0" (instance $none)))
