using System.CommandLine;
using Ioasis.Cli.Drawing;
using Ioasis.Core.Faults;
using Ioasis.Host.Control;
using Ioasis.Memory;

namespace Ioasis.Cli.Verbs;

/// <summary>The commands that look at one machine at one moment: <c>state</c> and <c>walk</c>.</summary>
internal static partial class CommandLine
{
    private static Command State(TextWriter output, TextWriter error)
    {
        var state = new Command("state", "Shows what a running program has made: open files, I/O address spaces with "
            + "their mappings, page tables, and what devices are attached to.");
        Option<int?> program = WhichProgram();
        var json = new Option<bool>("--json") { Description = "As JSON." };
        var svg = new Option<bool>("--svg")
        {
            Description = "As a picture: an SVG file of units, groups, devices, page tables and address spaces."
        };
        foreach (Option option in (Option[])[program, json, svg]) state.Add(option);
        state.SetAction(parsed => Try(error, () =>
        {
            if (parsed.GetValue(json) && parsed.GetValue(svg))
                return Refuse(error, "--json and --svg given; state prints one of them");
            byte[] line = ControlClient.AskForLine(parsed.GetValue(program), new ControlRequest("state"));
            if (parsed.GetValue(svg)) output.Write(TopologySvg.Draw(StateView.Read(line)));
            else StateView.Write(line, parsed.GetValue(json), output);
            return 0;
        }));
        return state;
    }

    private static Command Walk(TextWriter output, TextWriter error)
    {
        var walk = new Command("walk",
            "Shows how an address of a running program's device is translated, step by step.");
        var address = new Argument<string[]>("address")
        {
            Arity = ArgumentArity.ZeroOrMore,
            Description = "The address, such as 0x1000."
        };
        var device = new Option<string>("--device")
        {
            HelpName = "BDF|UUID|NAME",
            Description = "The device, 1000:00:04.0, an mdev's UUID, or a vDPA device's name."
        };
        var pasid = new Option<uint?>("--pasid")
        {
            HelpName = "N",
            Description = "The PASID of its requests. Default: requests without a PASID."
        };
        var write = new Option<bool>("--write") { Description = "A write instead of a read." };
        var explain = new Option<bool>("--explain")
        {
            Description = "Each entry bit by bit, and the rule of the specification by which an access is refused."
        };
        Option<int?> program = WhichProgram();
        var json = new Option<bool>("--json") { Description = "As JSON." };
        walk.Add(address);
        foreach (Option option in (Option[])[device, pasid, write, explain, program, json]) walk.Add(option);
        walk.SetAction(parsed =>
        {
            if (parsed.GetValue(device) is not { } name)
                return Refuse(error, "walk needs --device, as in: ioasis walk --device 1000:00:04.0 0x1000");
            if (RequesterId.TryParse(name, out RequesterId requester)) name = requester.ToString();
            if (parsed.GetValue(address) is not [string text] || !TryParse(text, out ulong value))
                return Refuse(error, "walk takes one address, such as 0x1000 or 4096, not "
                    + $"\"{string.Join(' ', parsed.GetValue(address) ?? [])}\"");
            return Ask(parsed.GetValue(program), new ControlRequest("walk", name, parsed.GetValue(pasid), value,
                parsed.GetValue(write)), error, answer =>
            {
                if (parsed.GetValue(explain) && !parsed.GetValue(json))
                    WalkExplained.Write(value, answer.Steps ?? [], answer.Reason, Screen.HasColours(output), output);
                else WalkView.Write(answer.Steps ?? [], answer.Reason, parsed.GetValue(json), output);
                return answer.Reason == FaultReason.None ? 0 : WouldFault;
            });
        });
        return walk;
    }
}
