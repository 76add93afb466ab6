export { count, gauge } from "millrace:plugin/metrics@0.1.0";
