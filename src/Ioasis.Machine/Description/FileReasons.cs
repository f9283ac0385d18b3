namespace Ioasis.Machine.Description;

/// <summary>Why a file cannot be read or loaded, in words for people who do not program in .NET.</summary>
internal static class FileReasons
{
    /// <summary>A phrase without a full stop.</summary>
    internal static string Of(Exception e, string path) => e switch
    {
        _ when Directory.Exists(path) => "it is a folder",
        FileNotFoundException or DirectoryNotFoundException when !File.Exists(path) => "there is no such file",
        UnauthorizedAccessException => "its permissions forbid it",
        BadImageFormatException => "it is no .NET assembly",
        _ => e.Message.ReplaceLineEndings(" ").TrimEnd(' ', '.'),
    };
}
