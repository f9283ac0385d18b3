using Ioasis.Abi;
using Ioasis.Cli.Demo;
using Ioasis.Client;
using Ioasis.Machine.Description;

namespace Ioasis.Tests.Cli;

/// <summary>The demo of nested translation.</summary>
public sealed class NestedDemoTests() : DemoFrame(MachineDescription.Default, "dmatest", checks: 15, last: 6)
{
    private protected override int Run(DemoReport report, MachineDescription machine, int? wrong) =>
        new NestedDemo(report)
        {
            BeforeStep =
            (step, memory, nested) => { if (step == wrong) Spoil(step, memory, nested); }
        }.Run(machine);

    private static void Spoil(int step, UserMemory memory, NestedHwpt nested)
    {
        if (step == 2) memory.Write(0, 0x87UL); // a reserved bit in the root
        else if (step == 5) nested.Invalidate(X86FirstStage.Everything); // what is not kept is not stale
        else memory.Write(2 << 20, 0UL); // the page is another
    }
}
