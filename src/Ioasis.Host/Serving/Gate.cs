namespace Ioasis.Host.Serving;

/// <summary>Lets one thread pass each time it is opened.</summary>
internal sealed class Gate
{
    private readonly object _monitor = new();
    private bool _open;

    public void Open()
    {
        lock (_monitor)
        {
            _open = true;
            Monitor.Pulse(_monitor);
        }
    }

    public void Pass()
    {
        lock (_monitor)
        {
            while (!_open) Monitor.Wait(_monitor);
            _open = false;
        }
    }
}
