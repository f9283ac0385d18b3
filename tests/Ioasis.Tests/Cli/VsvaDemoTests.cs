using Ioasis.Abi;
using Ioasis.Cli.Demo;
using Ioasis.Machine.Description;
using Ioasis.Scenes;
using static Ioasis.Scenes.VsvaScene;

namespace Ioasis.Tests.Cli;

/// <summary>The demo of shared virtual addressing for guests.</summary>
public sealed class VsvaDemoTests() : DemoFrame(VsvaDemo.Machine, "dsa", checks: 19, last: 6)
{
    /// <summary>The picture has the numbers of the run.</summary>
    private protected override string[] Says => ["A: CR3 0x00000, GVA 0x7f1234000000, PTE 0x0000000000001007 ",
        "first stage of A: GVA 0x7f1234000000 -> GPA 0x1000 "];

    private protected override int Run(DemoReport report, MachineDescription machine, int? wrong) =>
        new VsvaDemo(report)
        {
            BeforeStep =
            (step, scene) => { if (step == wrong) Spoil(step, scene); }
        }.Run(machine);

    private static void Spoil(int step, VsvaScene scene)
    {
        switch (step)
        {
            case 2: Share(scene); break; // the pointer leads both to one page
            // the copy may not write
            case 3:
                scene.Guest.SetLeaf(
                scene.A.Cr3, Target, scene.A.Follow(Target), rights: DemoGuest.Present | DemoGuest.User); break;
            case 4: scene.A.Map(Fresh + DemoGuest.Page); break; // a page less is missing
            case 5: scene.A.Bound!.Invalidate(X86FirstStage.Everything); break; // what is not kept is not stale
            case 6: Share(scene); break; // A reads what B wrote
        }
    }

    private static void Share(VsvaScene scene) => scene.Guest.SetLeaf(scene.B.Cr3, Source, scene.A.Follow(Source));
}
