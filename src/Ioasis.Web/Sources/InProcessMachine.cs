using System.Text.Json;
using Ioasis.Host.Control;
using Ioasis.Machine;
using Ioasis.Machine.Description;

namespace Ioasis.Web.Sources;

/// <summary>
/// A machine in this process, which answers the questions of the control socket. Its end waits for those who ask.
/// </summary>
internal sealed class InProcessMachine : IDisposable
{
    // How soon a subscriber sees that it is to end.
    private static readonly TimeSpan s_longest = TimeSpan.FromMilliseconds(50), s_patience = TimeSpan.FromSeconds(10);

    private readonly ControlAnswers _answers;
    private readonly CancellationTokenSource _gone = new();
    private readonly CountdownEvent _users = new(1);
    private readonly string _title;
    private int _isDisposed;

    /// <summary>Makes the machine.</summary>
    /// <param name="description">What it consists of.</param>
    /// <param name="title">What people call it.</param>
    /// <exception cref="MachineDescriptionException">The description is wrong.</exception>
    internal InProcessMachine(MachineDescription description, string title)
    {
        _title = title;
        Machine = SoftwareMachine.Create(description);
        _answers = new ControlAnswers(Machine, Environment.ProcessId, [title]);
    }

    /// <summary>The machine.</summary>
    internal SoftwareMachine Machine { get; }

    /// <summary>Whether it has ended.</summary>
    internal bool IsGone => _gone.IsCancellationRequested;

    /// <summary>Answers a question, as <see cref="IMachineSource.Ask"/> does.</summary>
    internal byte[] Ask(ControlRequest request)
    {
        Enter();
        try
        {
            return Unrefused(_answers.Answer(JsonSerializer.SerializeToUtf8Bytes(request)));
        }
        finally
        {
            _users.Signal();
        }
    }

    /// <summary>As <see cref="Follow"/>, on a thread of its own, as it blocks.</summary>
    internal Task FollowOnThread(
        ControlRequest request, Func<ReadOnlyMemory<byte>, ValueTask> take, CancellationToken stop) =>
        Task.Factory.StartNew(() => Follow(request, take, stop).GetAwaiter().GetResult(), stop,
            TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Follows a subscription until it is stopped or the machine ends.</summary>
    internal async Task Follow(
        ControlRequest request, Func<ReadOnlyMemory<byte>, ValueTask> take, CancellationToken stop)
    {
        Enter();
        try
        {
            byte[] question = JsonSerializer.SerializeToUtf8Bytes(request);
            using IControlStream? stream = _answers.Subscribe(question);
            if (stream is null)
            {
                Unrefused(_answers.Answer(question));
                throw new IOException($"\"{request.Verb}\" is nothing to subscribe to");
            }

            List<byte[]> lines = [];
            bool goesOn = true;
            while (goesOn && !stop.IsCancellationRequested && !IsGone)
            {
                lines.Clear();
                goesOn = stream.TryNext(s_longest, lines);
                foreach (byte[] line in lines) await take(line);
            }
        }
        finally
        {
            _users.Signal();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Dispose(null);

    /// <summary>Ends the machine.</summary>
    /// <param name="before">Called when nobody asks any more, before the machine ends.</param>
    internal void Dispose(Action? before)
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0) return;
        _gone.Cancel();
        _users.Signal();
        _users.Wait(s_patience);
        before?.Invoke();
        Machine.Dispose();
    }

    private void Enter()
    {
        if (IsGone || !_users.TryAddCount()) throw new NoProgramException($"{_title} has ended");
    }

    private static byte[] Unrefused(byte[] line) => line.AsSpan().StartsWith("{\"Error\":\""u8)
        ? throw new IOException(JsonSerializer.Deserialize<ControlAnswer>(line)?.Error)
        : line;
}
