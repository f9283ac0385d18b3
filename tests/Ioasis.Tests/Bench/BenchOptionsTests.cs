using Ioasis.Bench;

namespace Ioasis.Tests.Bench;

/// <summary>The options of <c>ioasis bench</c>, and its errors for wrong command lines.</summary>
public sealed class BenchOptionsTests
{
    [Theory]
    [InlineData("dmaa", "unknown benchmark \"dmaa\"; expected one of: "
        + "dma, threads, nested, map, dma-api, memory, requests, scale, dirty, transfer, ioctl, doorbells, nvme, "
        + "ioas-map, mappings, mdevs, watch, page, peers.")]
    [InlineData("dma --fast",
        "unknown option \"--fast\" of bench; expected one of: --rounds, --json, --html, --check.")]
    [InlineData("--rounds", "--rounds needs a value: --rounds N.")]
    [InlineData("--rounds --json", "--rounds needs a value: --rounds N.")]
    [InlineData("--rounds 0", "--rounds takes a number from 1 to 1000, not \"0\".")]
    [InlineData("--rounds -1", "--rounds takes a number from 1 to 1000, not \"-1\".")]
    [InlineData("--rounds many dma", "--rounds takes a number from 1 to 1000, not \"many\".")]
    [InlineData("--rounds 1 --rounds 2", "--rounds given twice.")]
    [InlineData("--html", "--html needs a value: --html FILE.")]
    [InlineData("--html --json", "--html needs a value: --html FILE.")]
    [InlineData("--check dma", "--check takes no other arguments.")]
    public void AWrongCommandLineGetsOneSentenceAndExitCode2(string line, string sentence)
    {
        using StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        int code = BenchCommand.Run(line.Split(' '), output, error);
        Assert.Equal((2, "", $"ioasis: {sentence}\n"), (code, output.ToString(), error.ToString()));
    }

    [Fact]
    public void APageThatCannotBeWrittenIsSaidBeforeAnythingIsMeasured()
    {
        using StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        int code = BenchCommand.Run(["--html", "/nowhere/page.html"], output, error);
        Assert.Equal((2, ""), (code, output.ToString()));
        Assert.Equal("ioasis: Could not find a part of the path '/nowhere/page.html'.\n", error.ToString());
    }

    [Fact]
    public void WhatIsAskedForIsUnderstood()
    {
        BenchOptions? options = BenchOptions.Parse(["map", "--rounds", "7", "dma", "--html", "page.html", "--json"],
            Catalog.Names, out string? complaint);
        Assert.Null(complaint);
        Assert.Equal(["dma", "map"], options!.Names); // in the catalog's order
        Assert.Equal((7, true, "page.html", false), (options.Rounds, options.Json, options.Html, options.Check));
        Assert.Equal(Catalog.Names, BenchOptions.Parse([], Catalog.Names, out _)!.Names);
    }
}
