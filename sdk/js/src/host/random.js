export { bytes } from "millrace:plugin/random@0.1.0";
