// Package component is the gateway's own components: test, generator and
// benchmark, on the routes that their documented clients use.
//
// The benchmark and test components run commands. Which ones is for the
// operator alone to say, in a configuration file (see Command): a request
// chooses among them and fills in names and numbers that are checked first,
// each as a part of one argument. Nothing ever goes through a shell.
//
// Nothing here is simulated. A number that is shown was measured by a command,
// or by the CPU benchmarks of this binary; what was not run has no numbers.
package component
