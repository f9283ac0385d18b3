namespace Ioasis.Host.Launch;

/// <summary>Ends a program that runs longer than it may, as timeout(1) does, with all that it started.</summary>
internal sealed class RunTimeout : IDisposable
{
    // How often they are killed again, because a fork may have escaped.
    private static readonly TimeSpan s_again = TimeSpan.FromMilliseconds(100);

    private readonly ProgramSignals _signals;
    private readonly Timer _timer;
    private volatile bool _isOver;

    private RunTimeout(TimeSpan time, ProgramSignals signals)
    {
        _signals = signals;
        _timer = new Timer(_ => End(time), null, time, s_again);
    }

    /// <summary>Whether the time is over.</summary>
    public bool IsOver => _isOver;

    /// <summary>Begins to count.</summary>
    /// <param name="time">The time; null for ever.</param>
    /// <param name="signals">Kills the programs.</param>
    public static RunTimeout? Start(TimeSpan? time, ProgramSignals signals) =>
        time is { } limit ? new RunTimeout(limit, signals) : null;

    public void Dispose() => _timer.Dispose();

    private void End(TimeSpan time)
    {
        if (!_isOver)
        {
            _isOver = true;
            ErrorOutput.Say($"the program is killed, with all that it started: {time.TotalSeconds:0.###} s are over");
        }

        _signals.KillAll();
    }
}
