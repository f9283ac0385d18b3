namespace Ioasis.Memory.Threads;

/// <summary>What the product tells its user about itself: lines on standard error.</summary>
internal static class HostMessages
{
    private static readonly AsyncLocal<Action<string>?> s_listener = new();

    /// <summary>Writes a line. A supervisor sets one that leaves the terminal alone.</summary>
    internal static Action<string> Writer { private get; set; } = static line =>
        Console.Error.WriteLine($"ioasis: {line}");

    /// <summary>
    /// For tests: gets the lines instead, in the flow of execution that sets it and in the threads started there.
    /// </summary>
    internal static Action<string>? Listener
    {
        get => s_listener.Value;
        set => s_listener.Value = value;
    }

    /// <summary>
    /// Tells, in one line, what failed and how. Never throws: nothing is left that could be told of it.
    /// </summary>
    internal static void Tell(string what, Exception e) =>
        Tell($"{what} failed: {e.ToString().ReplaceLineEndings(" ")}");

    /// <summary>Tells a line.</summary>
    internal static void Tell(string line)
    {
        try { (Listener ?? Writer)(line); }
        catch (Exception e) when (e is IOException or ObjectDisposedException) { }
    }
}
