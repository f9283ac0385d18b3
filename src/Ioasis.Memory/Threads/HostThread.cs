namespace Ioasis.Memory.Threads;

/// <summary>
/// Starts the threads of the product. A start that fails is a value and changes nothing, so that the next one can
/// succeed; what a thread's body throws ends that thread alone.
/// </summary>
internal static class HostThread
{
    private static readonly AsyncLocal<Func<string, bool>?> s_refusal = new();

    /// <summary>
    /// For tests: says by a thread's name whether its start fails. It holds for the flow of execution that sets it, and
    /// for the threads started there.
    /// </summary>
    internal static Func<string, bool>? Refusal
    {
        get => s_refusal.Value;
        set => s_refusal.Value = value;
    }

    /// <summary>Starts a background thread.</summary>
    /// <param name="name">The thread's name.</param>
    /// <param name="body">What it does.</param>
    /// <param name="failed">Gets what the body throws, on that thread; null: it is told on standard error.</param>
    /// <param name="stackSize">Bytes of its stack; 0 for what the host gives.</param>
    /// <returns>
    /// The thread; null where the host has none to give. .NET says OutOfMemoryException for a limit of processes, of
    /// memory and of descriptors alike.
    /// </returns>
    internal static Thread? TryStart(string name, Action body, Action<Exception>? failed = null, int stackSize = 0)
    {
        if (Refusal?.Invoke(name) == true) return null;
        var thread = new Thread(() => Run(name, body, failed), stackSize) { IsBackground = true, Name = name };
        try
        {
            thread.Start();
            return thread;
        }
        catch (Exception e) when (e is OutOfMemoryException or ThreadStartException)
        {
            return null;
        }
    }

    /// <summary>The same where nothing works without the thread.</summary>
    /// <exception cref="IOException">The host has no thread to give.</exception>
    internal static Thread Start(string name, Action body, Action<Exception>? failed = null) =>
        TryStart(name, body, failed)
        ?? throw new IOException(
            $"the host gives no thread for \"{name}\": a limit of processes, memory or open files is reached");

    private static void Run(string name, Action body, Action<Exception>? failed)
    {
        try
        {
            body();
        }
        catch (Exception e)
        {
            if (failed is null) HostMessages.Tell($"thread \"{name}\"", e);
            else failed(e);
        }
    }
}
