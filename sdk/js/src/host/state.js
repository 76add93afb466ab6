export {
  listAppend,
  listRange,
  listRead,
  listRemove,
  mapGet,
  mapPut,
  mapRemove,
  mapScan,
} from "millrace:plugin/state@0.1.0";
