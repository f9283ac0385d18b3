using Ioasis.Cli.Demo;
using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Tests.Cli;

/// <summary>The demo.</summary>
public sealed class DemoTests() : DemoFrame(MachineDescription.Default, "dmatest", checks: 13, last: 7)
{
    private static readonly Iova s_source = new(0x10_0000), s_target = new(0x20_0000), s_nowhere = new(0x30_0000);

    private protected override string[] Says => ["IOVA 0x100000 -> HVA 0x"];

    private protected override int Run(DemoReport report, MachineDescription machine, int? wrong) =>
        new DemoRun(report)
        {
            BeforeStep =
            (step, ioas) => { if (step == wrong) Spoil(step, ioas); }
        }.Run(machine);

    private static void Spoil(int step, Ioas ioas)
    {
        UserMemory other = ioas.Context.Nodes.Allocate(4096);
        switch (step)
        {
            case 2: ioas.Map(other, at: s_source); break; // the demo's own map is refused
            case 3: Move(ioas, other, s_source, MapAccess.Read); break; // it reads something else
            case 4: Move(ioas, other, s_target, MapAccess.ReadWrite); break; // it writes something else
            case 5: Move(ioas, other, s_source, MapAccess.ReadWrite); break; // the write is permitted
            case 6: ioas.Map(other, at: s_nowhere); break; // the read finds something
            case 7: ioas.Map(other, at: s_target); break; // the unmapped address is mapped again
        }
    }

    private static void Move(Ioas ioas, UserMemory other, Iova at, MapAccess access)
    {
        ioas.Unmap(at, 4096);
        ioas.Map(other, access, at);
    }
}
