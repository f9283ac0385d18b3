using Ioasis.Memory.Threads;

namespace Ioasis.Host.Serving;

/// <summary>Lets one thread pass each time it is opened.</summary>
internal sealed class Gate
{
    private readonly RankedMonitor _monitor = new(LockRank.Gate);
    private bool _open;

    public void Open()
    {
        using (_monitor.Enter())
        {
            _open = true;
            _monitor.Pulse();
        }
    }

    public void Pass()
    {
        using (_monitor.Enter())
        {
            while (!_open) _monitor.Wait();
            _open = false;
        }
    }
}
