using System.Collections.Concurrent;
using Ioasis.Client;
using Ioasis.Diagnostics.Check;
using Ioasis.Diagnostics.Trace;
using Ioasis.Machine;
using Ioasis.Machine.Description;

namespace Ioasis.Testing;

/// <summary>
/// A machine for one test, with a process in it. It is traced, and its program is checked: <see cref="Dispose"/> throws
/// if the program made a mistake with DMA that the test does not expect. It knows no test framework.
/// </summary>
public sealed class TestMachine : IDisposable, IAsyncDisposable
{
    private readonly StringWriter _traceText = new();
    private readonly StringWriter _findingText = new();
    private readonly Tracer _tracer;
    private readonly Checker _checker;
    private readonly ConcurrentQueue<MachineFaultEventArgs> _faults = [];
    private readonly List<NodeTransport> _processes = [];
    private bool _isFinished;
    private int _isDisposed;

    private TestMachine(SoftwareMachine machine, CheckOptions options)
    {
        Machine = machine;
        _tracer = new Tracer(machine.Observers, machine.NameOf, new TraceOptions(), _traceText);
        _checker = new Checker(machine.Observers, machine.NameOf, options, Suppressions.None, () => _findingText);
        machine.Faulted += (_, fault) => _faults.Enqueue(fault);
        Nodes = CreateProcess();
    }

    /// <summary>Builds a machine for a test.</summary>
    /// <param name="devices">Adds its devices: <c>m => m.With("dmatest")</c>.</param>
    /// <param name="expected">Kinds of findings that the test provokes, and that are no failures.</param>
    /// <exception cref="MachineDescriptionException">The machine cannot be built.</exception>
    public static TestMachine Create(
        Func<MachineBuilder, MachineBuilder> devices, params ReadOnlySpan<CheckKind> expected)
    {
        ArgumentNullException.ThrowIfNull(devices);
        var options = new CheckOptions();
        foreach (CheckKind kind in expected) options = options.With(kind, isOn: false);
        return new TestMachine(devices(SoftwareMachine.Create()).Build(), options);
    }

    /// <summary>The machine.</summary>
    public SoftwareMachine Machine { get; }

    /// <summary>The nodes as the test's process sees them.</summary>
    public NodeTransport Nodes { get; }

    /// <summary>The accesses of devices that were refused so far.</summary>
    public IReadOnlyList<MachineFaultEventArgs> Faults => [.. _faults];

    /// <summary>How many mistakes were found. Complete after <see cref="Finish"/>.</summary>
    public int FindingCount => _checker.Found;

    /// <summary>The reports of the mistakes that were found. Complete after <see cref="Finish"/>.</summary>
    public string Findings => _findingText.ToString();

    /// <summary>What happened in the machine, a line an event. Complete after <see cref="Finish"/>.</summary>
    public string Trace => _traceText.ToString();

    /// <summary>Makes another process in the machine. It ends with the machine at the latest.</summary>
    /// <param name="capabilities">The process's capabilities, by number (capabilities(7)).</param>
    public NodeTransport CreateProcess(params int[] capabilities)
    {
        NodeTransport nodes = NodeTransport.InProcess(Machine, capabilities);
        _processes.Add(nodes);
        return nodes;
    }

    /// <summary>
    /// Ends the processes, the checks and the trace. A test calls it to look at <see cref="Findings"/> itself;
    /// <see cref="Dispose"/> does not throw then.
    /// </summary>
    public void Finish()
    {
        if (_isFinished) return;
        _isFinished = true;
        foreach (NodeTransport process in _processes) process.Dispose();
        _checker.Dispose();
        _tracer.Dispose();
    }

    /// <summary>Ends the machine.</summary>
    /// <exception cref="FindingsException">The program made mistakes, and the test did not look at them.</exception>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0) return;
        bool wasLookedAt = _isFinished;
        Finish();
        Machine.Dispose();
        if (!wasLookedAt && FindingCount > 0) throw new FindingsException(Findings);
    }

    /// <summary>As <see cref="Dispose"/>, on a thread of the pool.</summary>
    /// <exception cref="FindingsException">The program made mistakes, and the test did not look at them.</exception>
    public ValueTask DisposeAsync() => new(Task.Run(Dispose));
}
