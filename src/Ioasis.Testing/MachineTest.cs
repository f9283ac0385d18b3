using Ioasis.Client;
using Ioasis.Diagnostics.Check;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Xunit;

namespace Ioasis.Testing;

/// <summary>
/// The base of a test class of xunit.v3: each test gets a machine of its own. Mistakes of the program with DMA fail the
/// test. A test that fails gets the trace of the machine as the attachment <c>ioasis-trace.txt</c>.
/// </summary>
/// <example><code>
/// public sealed class DriverTests() : MachineTest(m => m.With("dmatest"))
/// {
///     [Fact]
///     public void TheDeviceIsFound() => Assert.Single(Nodes.FindVfioNodes());
/// }
/// </code></example>
public abstract class MachineTest : IAsyncDisposable
{
    /// <summary>Builds the machine of one test.</summary>
    /// <param name="devices">Adds its devices.</param>
    /// <param name="expected">Kinds of findings that the tests provoke, and that are no failures.</param>
    protected MachineTest(Func<MachineBuilder, MachineBuilder> devices, params ReadOnlySpan<CheckKind> expected) =>
        Test = TestMachine.Create(devices, expected);

    /// <summary>The machine with what is known of it: faults, findings, trace.</summary>
    protected TestMachine Test { get; }

    /// <summary>The machine.</summary>
    protected SoftwareMachine Machine => Test.Machine;

    /// <summary>The nodes as the test's process sees them.</summary>
    protected NodeTransport Nodes => Test.Nodes;

    /// <summary>Ends the machine, once. A derived class first disposes of what it made in it.</summary>
    /// <exception cref="FindingsException">The program made mistakes, and the test did not look at them.</exception>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await DisposeCoreAsync().ConfigureAwait(false);
        bool hasFailed = TestContext.Current.TestState?.Result == TestResult.Failed;
        try
        {
            await Test.DisposeAsync().ConfigureAwait(false);
        }
        catch (FindingsException)
        {
            hasFailed = true;
            throw;
        }
        finally
        {
            if (hasFailed) TestContext.Current.AddAttachment("ioasis-trace.txt", Test.Trace);
        }
    }

    /// <summary>Disposes of what a test made in the machine, before the machine ends.</summary>
    protected virtual ValueTask DisposeCoreAsync() => ValueTask.CompletedTask;
}
