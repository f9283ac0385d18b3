using System.Text.Json.Nodes;
using Ioasis.Cli.Demo;
using Ioasis.Machine.Description;

namespace Ioasis.Tests.Cli;

/// <summary>What holds for each demo: it succeeds where all is as it must be, and only there.</summary>
/// <param name="machine">The machine that it is shown on.</param>
/// <param name="model">The device that it cannot do without.</param>
/// <param name="checks">How many things it checks.</param>
/// <param name="last">The last step, from 2 on, that can be made to go wrong.</param>
public abstract class DemoFrame(MachineDescription machine, string model, int checks, int last)
{
    [Fact]
    public void ItProvesWhatItSaysWithoutColoursInAPipe()
    {
        string output = Run(machine, wrong: null, code: 0);
        Assert.Contains($"Proved, by {checks} checks", output, StringComparison.Ordinal);
        Assert.DoesNotContain("NOT", output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', output);
        foreach (string said in Says) Assert.Contains(said, output, StringComparison.Ordinal);
    }

    [Fact]
    public void AMachineWithoutItsDeviceIsAFailure() =>
        Assert.Contains($"The machine has no {model}.", Run(MachineDescription.Empty, wrong: null, code: 1),
            StringComparison.Ordinal);

    [Fact]
    public void AStepThatGoesWrongIsSeen()
    {
        for (int step = 2; step <= last; step++)
        {
            string output = Run(machine, step, code: 1);
            string within = output.Split($"\n{step}. ")[1].Split($"\n{step + 1}. ")[0];
            Assert.Contains("NOT", within, StringComparison.Ordinal);
            Assert.Contains("Not proved", output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void TheJsonHasEachCheck()
    {
        JsonObject right = Json(null, code: 0), wrong = Json(2, code: 1);
        Assert.Equal((checks, 0), ((int)right["checkCount"]!, (int)right["failed"]!));
        Assert.Equal(checks, ChecksOf(right).Count(check => (bool)check["ok"]!));
        Assert.NotEmpty(right["proved"]!.AsArray());
        Assert.Equal((int)wrong["failed"]!, ChecksOf(wrong).Count(check => !(bool)check["ok"]!));
        Assert.NotEqual(0, (int)wrong["failed"]!);
        Assert.Empty(wrong["proved"]!.AsArray());

        static IEnumerable<JsonNode> ChecksOf(JsonObject json) =>
            json["steps"]!.AsArray().SelectMany(step => step!["checks"]!.AsArray())!;
    }

    /// <summary>What else it says when all is well.</summary>
    private protected virtual string[] Says => [];

    /// <summary>Runs the demo; the exit code. One of its steps may be made to go wrong.</summary>
    private protected abstract int Run(DemoReport report, MachineDescription machine, int? wrong);

    private JsonObject Json(int? wrong, int code)
    {
        using var output = new StringWriter();
        Assert.Equal(code, Run(new DemoReport(output, json: true), machine, wrong));
        return JsonOutputTests.MustFit("demo", output.ToString()).AsObject();
    }

    private string Run(MachineDescription description, int? wrong, int code)
    {
        using var output = new StringWriter { NewLine = "\n" };
        int actual = Run(new DemoReport(output), description, wrong);
        Assert.True(actual == code, $"exit code {actual}, with step {wrong} made to go wrong:\n{output}");
        return output.ToString();
    }
}
