;; Harmless; what is wrong is the manifest that the test appends.
(component
  (instance $none)
  (export "bulkhead:plugin/strategy@0.1.0" (instance $none)))
