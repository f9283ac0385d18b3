using System.CommandLine;
using Ioasis.Core.Injection;
using Ioasis.Diagnostics.Injection;
using Ioasis.Machine;

namespace Ioasis.Cli.Verbs;

/// <summary>The option <c>-e inject=...</c>, shared by run and trace.</summary>
internal static class InjectionOption
{
    internal const string Form = "inject=CALLS:error=ERRNO[:when=...] or inject=FAULT[:when=...]";

    /// <summary>The option as run has it. Trace has one of the same letter for what is traced, too.</summary>
    internal static Option<string[]> ForRun() => new("-e")
    {
        HelpName = Form,
        Description = "Makes calls fail, or devices and the IOMMU go wrong (docs/trace.md). May be repeated.",
        Arity = ArgumentArity.OneOrMore,
    };

    /// <summary>Gives the rules the names of a machine's devices.</summary>
    /// <returns>What is wrong with them, in a sentence; null if nothing is.</returns>
    internal static string? Prepare(Injector? injector, SoftwareMachine machine)
    {
        IEnumerable<string> names = machine.Devices.Select(d => machine.NameOf(d.Endpoint));
        return (injector as InjectionRules)?.UseNames(
            [.. names.Concat(machine.VdpaDevices.Select(d => d.Name))], machine.NameOf);
    }
}
