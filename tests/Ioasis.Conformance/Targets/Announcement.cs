using Ioasis.Conformance.Targets;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestPipelineStartup(typeof(Announcement))]
[assembly: CollectionBehavior(DisableTestParallelization = true)] // a device is one test's at a time

namespace Ioasis.Conformance.Targets;

/// <summary>Says at the start of a run what it runs on, and again as a test's output, where reports keep it.</summary>
public sealed class Announcement : ITestPipelineStartup
{
    public ValueTask StartAsync(IMessageSink diagnosticMessageSink)
    {
        Console.Error.WriteLine(Target.Description);
        return ValueTask.CompletedTask;
    }

    public ValueTask StopAsync() => ValueTask.CompletedTask;
}

/// <summary>The target as a test's output.</summary>
public sealed class TargetTests(ITestOutputHelper output)
{
    [Fact]
    public void Every_test_of_this_run_was_on_the_target_in_this_output()
    {
        output.WriteLine(Target.Description);
        Assert.NotEmpty(Target.Description);
    }
}
