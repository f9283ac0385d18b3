using System.Text.Json;
using Ioasis.Cli.Verbs;
using Ioasis.Host.Doctor;

namespace Ioasis.Tests.Cli;

public sealed class DoctorTests
{
    private static readonly HostCheck s_good = new("kernel", Verdict.Ok, "Linux 6.18"),
        s_poor = new("KVM", Verdict.Warn, "none", "emulate"), s_bad = new("seccomp", Verdict.Fail, "none", "run later");

    [Fact]
    public void AFailureIsExitCode1AndSaysWhatToChange()
    {
        Assert.Equal((0, "ok    kernel  Linux 6.18\nwarn  KVM     none\n              emulate\n"
            + "ioasis run works here.\n"), Write(false, s_good, s_poor));
        Assert.Equal((1, "ok    kernel   Linux 6.18\nFAIL  seccomp  none\n               run later\n"
            + "ioasis run cannot work here.\n"), Write(false, s_good, s_bad));
    }

    [Fact]
    public void JsonSaysTheSame()
    {
        (int code, string text) = Write(true, s_good, s_bad);
        JsonElement root = JsonDocument.Parse(text).RootElement;
        Assert.Equal((1, false), (code, root.GetProperty("runWorks").GetBoolean()));
        Assert.Equal(["ok", "FAIL"],
            root.GetProperty("checks").EnumerateArray().Select(c => c.GetProperty("verdict").GetString()));
        Assert.Equal("run later", root.GetProperty("checks")[1].GetProperty("remedy").GetString());
        Assert.False(root.GetProperty("checks")[0].TryGetProperty("remedy", out _));
    }

    private static (int Code, string Text) Write(bool json, params HostCheck[] checks)
    {
        using StringWriter output = new() { NewLine = "\n" };
        int code = DoctorCommand.Write(checks, json, output);
        return (code, output.ToString());
    }
}
